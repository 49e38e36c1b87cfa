"""What Whisper is known to write where nobody speaks: it learnt from subtitles, with their closing lines."""

from __future__ import annotations

import unicodedata

MIN_SHARE = 0.5
"""Share of a sentence's characters that a closing line must make up."""

ALONE = (
    "you",
    "thank you",
    "thank you very much",
    "thanks",
    "bye",
    "bye bye",
    "okay",
    "oh",
    "hmm",
    "so",
    "the end",
    "vielen dank",
    "danke",
    "tschüss",
    "merci",
    "gracias",
    "grazie",
    "obrigado",
    "legendas",
    "e aí",
    "bedankt",
    "dziękuję",
    "děkuji",
    "спасибо",
    "продолжение следует",
    "дякую",
    "teşekkürler",
    "köszönöm",
    "mulțumesc",
    "tack",
    "tak",
    "takk",
    "kiitos",
    "ευχαριστώ",
    "terima kasih",
    "cảm ơn",
    "谢谢",
    "謝謝",
    "ありがとうございました",
    "おやすみなさい",
    "감사합니다",
    "شكرا",
    "धन्यवाद",
    "ขอบคุณครับ",
    "ขอบคุณค่ะ",
)
"""Said often, but invented where a piece holds nothing else."""

CLOSING = (
    "thanks for watching",
    "thank you for watching",
    "thank you so much for watching",
    "thank you very much for watching",
    "thanks for listening",
    "please subscribe",
    "like and subscribe",
    "subscribe to my channel",
    "subscribe to our channel",
    "subscribe to the channel",
    "don't forget to subscribe",
    "don't forget to like",
    "hit the bell",
    "see you in the next video",
    "see you in the next one",
    "see you next time",
    "vielen dank fürs zuschauen",
    "danke fürs zuschauen",
    "vielen dank für ihre aufmerksamkeit",
    "bis zum nächsten mal",
    "abonniert meinen kanal",
    "merci d'avoir regardé",
    "merci d'avoir regardé cette vidéo",
    "abonnez-vous",
    "n'oubliez pas de vous abonner",
    "gracias por ver el video",
    "gracias por ver",
    "suscríbete al canal",
    "suscríbete",
    "no olvides suscribirte",
    "grazie per aver guardato",
    "grazie per la visione",
    "iscrivetevi al canale",
    "obrigado por assistir",
    "inscreva-se no canal",
    "bedankt voor het kijken",
    "dziękuję za uwagę",
    "dzięki za oglądanie",
    "děkuji za pozornost",
    "спасибо за просмотр",
    "спасибо за внимание",
    "подписывайтесь на канал",
    "ставьте лайки",
    "дякую за перегляд",
    "izlediğiniz için teşekkür ederim",
    "izlediğiniz için teşekkürler",
    "abone olmayı unutmayın",
    "köszönöm hogy megnézted",
    "köszönöm a figyelmet",
    "vă mulțumim pentru vizionare",
    "nu uitați să vă abonați",
    "tack för att ni tittade",
    "tak fordi du så med",
    "takk for at du så på",
    "ευχαριστώ που παρακολουθήσατε",
    "terima kasih telah menonton",
    "cảm ơn các bạn đã theo dõi",
    "hãy subscribe cho kênh",
    "谢谢观看",
    "謝謝觀看",
    "感谢观看",
    "请不吝点赞",
    "點贊訂閱",
    "请订阅我的频道",
    "ご視聴ありがとうございました",
    "ご覧いただきありがとうございます",
    "チャンネル登録お願いします",
    "チャンネル登録をお願いいたします",
    "시청해주셔서 감사합니다",
    "시청해 주셔서 감사합니다",
    "구독과 좋아요 부탁드립니다",
    "اشتركوا في القناة",
    "شكرا على المشاهدة",
    "देखने के लिए धन्यवाद",
    "ขอบคุณที่รับชม",
)
"""Closing lines of videos: invented more often than said, so a sentence that is little else is not told."""

CREDITS = (
    "amara.org",
    "amara org",
    "subtitles by",
    "subtitled by",
    "captions by",
    "captioned by",
    "transcription by castingwords",
    "transcribed by otter",
    "untertitel von",
    "untertitel der",
    "untertitel im auftrag",
    "untertitelung",
    "copyright wdr",
    "sous-titres réalisés",
    "sous-titrage",
    "sous-titres par",
    "subtítulos realizados por",
    "subtítulos por la comunidad",
    "sottotitoli creati",
    "sottotitoli a cura",
    "sottotitoli e revisione",
    "legendas pela comunidade",
    "ondertitels ingediend",
    "ondertiteld door",
    "ondertiteling door",
    "napisy stworzone przez",
    "napisy wykonał",
    "titulky vytvořil",
    "субтитры сделал",
    "субтитры создавал",
    "субтитры подогнал",
    "редактор субтитров",
    "субтитри створені",
    "altyazı m.k",
    "undertexter från",
    "textning stina hedin",
    "danske tekster af",
    "undertekster av",
    "teksting av nicolai winther",
    "tekstitys",
    "υπότιτλοι authorwave",
    "字幕由",
    "字幕by",
    "字幕志愿者",
    "字幕製作",
    "明镜与点点",
    "字幕提供",
    "자막 제공",
    "ترجمة نانسي قنقر",
)
"""Credits of subtitlers: nobody says them."""


def normal(text: str) -> str:
    """A text as its letters and digits, in small letters, with single spaces in between."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(
        "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded).split()
    )


_ALONE = frozenset(map(normal, ALONE))
_CLOSING = tuple(sorted(map(normal, CLOSING), key=len, reverse=True))
_CREDITS = tuple(map(normal, CREDITS))


def is_known_phrase(sentence: str, *, alone: bool) -> bool:
    """Whether a sentence is one that is invented where nobody speaks; `alone`: nothing else was heard in its
    piece."""
    said = normal(sentence)
    if any(phrase in said for phrase in _CREDITS) or (alone and said in _ALONE):
        return True
    left = said
    for phrase in _CLOSING:
        left = left.replace(phrase, "")
    return len(said) > len(left) and len(said) - len(left) >= MIN_SHARE * len(said)
