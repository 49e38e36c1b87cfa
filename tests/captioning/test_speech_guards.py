"""Guards against invented text: what Whisper really wrote over noise, and what people really say."""

from __future__ import annotations

import string
import zlib
from dataclasses import replace

import pytest

from captioning.records import DoubtReason, Span
from captioning.speech.guards import GuardsConfig, compression_ratio, in_sentences, judged, speech_share
from captioning.speech.heard import Utterance, Word
from captioning.speech.phrases import ALONE, CLOSING, CREDITS, is_known_phrase, normal
from captioning.speech.words import joined, num_words, spread

CONFIG = GuardsConfig()
SAID = {
    "en": "Well, I think that, you know, when we first came here there was nothing but fields, and then, "
    "little by little, people built their houses along the river. My father used to say that the river would "
    "take everything back one day, and in the spring of that year it very nearly did.",
    "en_repeats": "No, no, no, no, no. I never said that. I said we would wait and see, and we did wait, and "
    "we did see what came of it.",
    "de": "Wir sind dann am nächsten Morgen sehr früh aufgebrochen, weil wir den Zug um sechs Uhr erreichen "
    "mussten, und natürlich hatte es in der Nacht geschneit, so dass kein Bus mehr fuhr.",
    "hi": "हम लोग सुबह जल्दी उठकर खेत की ओर चल पड़े क्योंकि बारिश होने वाली थी और फसल को बचाना ज़रूरी था। "
    "रास्ते में हमें गाँव के कुछ और लोग मिले जो बाज़ार जा रहे थे, और उन्होंने बताया कि नदी का पानी बढ़ रहा है।",
    "th": "เมื่อวานนี้ฉันไปตลาดกับแม่และซื้อผลไม้หลายอย่างกลับบ้าน ตอนเย็นฝนตกหนักมากจนเราต้องรออยู่ที่ป้ายรถเมล์นานกว่าหนึ่งชั่วโมง",
    "zh": "昨天我和妈妈去市场买了很多水果,晚上下大雨,我们在公交车站等了一个多小时才回家。",
    "ja": "昨日母と市場へ行って果物をたくさん買いましたが、夕方から大雨になってバス停で一時間以上待ちました",
    "ru": "Вчера мы с мамой ходили на рынок и купили много фруктов, а вечером пошёл сильный дождь, и нам "
    "пришлось больше часа ждать автобуса на остановке.",
}
"""Things that people say."""
INVENTED = {
    "Thanks for watching!": DoubtReason.KNOWN_PHRASE,
    "Thank you.": DoubtReason.KNOWN_PHRASE,
    "you": DoubtReason.KNOWN_PHRASE,
    "Please subscribe to my channel.": DoubtReason.KNOWN_PHRASE,
    "Thank you so much for watching and I'll see you in the next one.": DoubtReason.KNOWN_PHRASE,
    "Subtitles by the Amara.org community": DoubtReason.KNOWN_PHRASE,
    "Untertitel der Amara.org-Community": DoubtReason.KNOWN_PHRASE,
    "Untertitelung des ZDF, 2020": DoubtReason.KNOWN_PHRASE,
    "Sous-titres réalisés para la communauté d'Amara.org": DoubtReason.KNOWN_PHRASE,
    "¡Suscríbete al canal!": DoubtReason.KNOWN_PHRASE,
    "Субтитры сделал DimaTorzok": DoubtReason.KNOWN_PHRASE,
    "Продолжение следует...": DoubtReason.KNOWN_PHRASE,
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目": DoubtReason.KNOWN_PHRASE,
    "ご視聴ありがとうございました。": DoubtReason.KNOWN_PHRASE,
    "시청해주셔서 감사합니다.": DoubtReason.KNOWN_PHRASE,
    "I'm going to put it in the oven. " * 9: DoubtReason.COMPRESSIBLE,
    "oh oh oh oh oh oh oh oh oh oh oh oh": DoubtReason.COMPRESSIBLE,
    "ああああああああああああああああああああああああ": DoubtReason.LOOP,
    "Thank you. Thank you. Thank you. Thank you. Thank you. Thank you. Thank you.": DoubtReason.COMPRESSIBLE,
    "...": DoubtReason.NO_WORDS,
    "♪": DoubtReason.NO_WORDS,
    "": DoubtReason.NO_WORDS,
}
"""What Whisper writes over silence, noise and music."""


def spoken_s(text: str) -> float:
    """How long saying it takes, at 2.5 words a second."""
    return max(0.6, num_words(text) / 2.5)


def speech_of(*edges: tuple[float, float]) -> list[Span]:
    return [Span(start_s=start_s, end_s=end_s) for start_s, end_s in edges]


def said(text: str, **facts: object) -> tuple[Utterance, list[Span]]:
    end_s = spoken_s(text)
    utterance = Utterance(start_s=0.0, end_s=end_s, text=text, mean_logprob=-0.3, no_speech=0.05)
    return replace(utterance, **facts), speech_of((0.0, end_s))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", list(SAID))
def test_speech_passes_in_every_script(language: str) -> None:
    utterance, speech = said(SAID[language])
    words, doubts = judged([utterance], speech, CONFIG)
    assert doubts == []
    left, whole = (normal(text).replace(" ", "") for text in (joined(w.text for w in words), SAID[language]))
    assert left == whole


@pytest.mark.parametrize(("text", "reason"), INVENTED.items())
def test_inventions_do_not_pass_however_sure_the_recogniser_is(text: str, reason: DoubtReason) -> None:
    utterance, speech = said(text)
    words, doubts = judged([utterance], speech, CONFIG)
    assert words == []
    assert [doubt.reason for doubt in doubts] == [reason]
    assert (doubts[0].start_s, doubts[0].end_s) == (0.0, pytest.approx(spoken_s(text)))


def test_a_closing_line_goes_and_what_was_said_before_it_stays() -> None:
    text = "So that is how you fold a paper boat. Thanks for watching! Please subscribe."
    utterance, speech = said(text)
    words, doubts = judged([utterance], speech, CONFIG)
    assert joined(word.text for word in words) == "So that is how you fold a paper boat."
    assert [doubt.reason for doubt in doubts] == [DoubtReason.KNOWN_PHRASE] * 2
    assert doubts[0].start_s >= words[-1].end_s


def test_thanks_within_a_conversation_stay() -> None:
    utterance, speech = said("Here is your coffee. Thank you. It is still very hot.")
    words, doubts = judged([utterance], speech, CONFIG)
    assert doubts == []
    assert len(words) == 11


def test_talk_about_watching_is_no_closing_line() -> None:
    assert not is_known_phrase("I got no thanks for watching the children every single night", alone=True)
    assert not is_known_phrase("You have to subscribe to the paper", alone=True)
    assert not is_known_phrase("you know", alone=True)
    assert not is_known_phrase("Thank you.", alone=False)


def test_phrases_are_all_reachable() -> None:
    for phrase in (*CLOSING, *CREDITS):
        assert is_known_phrase(phrase, alone=False), phrase
    for phrase in ALONE:
        assert is_known_phrase(phrase.upper(), alone=True), phrase
        assert len(normal(phrase)) > 0


def test_a_loop_goes_and_what_was_said_around_it_stays() -> None:
    before, after = "We walked up the old road to the mill", "and then somebody opened the door for us"
    loop = "it was so cold " * 5
    text = f"{before} {loop}{after} because it was late and nobody else was around"
    utterance, speech = said(text)
    words, doubts = judged([utterance], speech, CONFIG)
    left = joined(word.text for word in words)
    assert left == f"{before} {after} because it was late and nobody else was around"
    assert [(doubt.reason, doubt.detail) for doubt in doubts] == [
        (DoubtReason.LOOP, "4 words 5.0 times in a row")
    ]
    assert "cold" not in doubts[0].detail


def test_a_loop_over_many_utterances_is_found() -> None:
    parts = [Utterance(start_s=n, end_s=n + 1.0, text="I love you.", mean_logprob=-0.1) for n in range(8)]
    words, doubts = judged(parts, speech_of((0.0, 8.0)), CONFIG)
    assert words == []
    assert [doubt.reason for doubt in doubts] == [DoubtReason.LOOP]
    assert (doubts[0].start_s, doubts[0].end_s) == (0.0, 8.0)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"mean_logprob": -1.0}, None),
        ({"mean_logprob": -1.0001}, DoubtReason.UNLIKELY),
        ({"mean_logprob": -1.00001}, None),
        ({"mean_logprob": None, "no_speech": None}, None),
        ({"no_speech": 0.99}, None),
        ({"no_speech": 0.61, "mean_logprob": -0.6}, DoubtReason.NO_SPEECH),
        ({"no_speech": 0.6, "mean_logprob": -0.6}, None),
        ({"doubt": (DoubtReason.UNLIKELY, "because")}, DoubtReason.UNLIKELY),
    ],
)
def test_the_recognisers_own_doubts_count(facts: dict[str, object], reason: DoubtReason | None) -> None:
    utterance, speech = said("a brisk wind had come up", **facts)
    words, doubts = judged([utterance], speech, CONFIG)
    assert [doubt.reason for doubt in doubts] == ([] if reason is None else [reason])
    assert bool(words) == (reason is None)


def test_the_voice_detector_has_a_say_where_the_recogniser_hears_nobody() -> None:
    utterance = Utterance(0.0, 10.0, "a brisk wind had come up", mean_logprob=-0.2, no_speech=0.8)
    _, doubts = judged([utterance], speech_of((0.0, 4.9)), CONFIG)
    assert [doubt.reason for doubt in doubts] == [DoubtReason.NO_SPEECH]
    words, doubts = judged([utterance], speech_of((0.0, 5.0)), CONFIG)
    assert words
    assert doubts == []


def test_a_sentence_in_a_pause_is_in_doubt() -> None:
    speech = speech_of((0.0, 3.0))
    real = spread("She opened the window at last.", 0.0, 3.0, speech, 0.9)
    made_up = [
        Word(8.0 + n * 0.3, 8.3 + n * 0.3, text, 0.9) for n, text in enumerate(["It", "was", "night."])
    ]
    utterance = Utterance(
        0.0, 9.0, "She opened the window at last. It was night.", words=(*real, *made_up), mean_logprob=-0.2
    )
    words, doubts = judged([utterance], speech, CONFIG)
    assert joined(word.text for word in words) == "She opened the window at last."
    assert [(doubt.reason, doubt.start_s, doubt.end_s) for doubt in doubts] == [
        (DoubtReason.LITTLE_SPEECH, 8.0, pytest.approx(8.9))
    ]


@pytest.mark.parametrize(
    ("words", "speech_s", "reason"),
    [(1, 3.3, None), (1, 3.4, DoubtReason.FEW_WORDS), (12, 2.0, None), (13, 2.0, DoubtReason.MANY_WORDS)],
)
def test_nobody_speaks_so_slowly_or_so_fast(words: int, speech_s: float, reason: DoubtReason | None) -> None:
    text = " ".join(string.ascii_lowercase[:words])
    _, doubts = judged([Utterance(0.0, speech_s, text)], speech_of((0.0, speech_s)), CONFIG)
    assert [doubt.reason for doubt in doubts] == ([] if reason is None else [reason])


def test_thresholds_are_the_users() -> None:
    utterance, speech = said("a brisk wind had come up", mean_logprob=-1.5)
    assert judged([utterance], speech, GuardsConfig(min_mean_logprob=-2.0))[1] == []
    assert judged([utterance], speech, CONFIG)[0] == []


def test_the_ratio_is_whispers_for_latin_text_and_fair_to_other_alphabets() -> None:
    for language in ("en", "de"):
        text = SAID[language]
        theirs = len(text.encode()) / len(zlib.compress(text.encode()))
        assert compression_ratio(text) == pytest.approx(theirs, rel=0.06)
    assert (
        compression_ratio(SAID["hi"])
        < 2.0
        < len(SAID["hi"].encode()) / len(zlib.compress(SAID["hi"].encode()))
    )
    assert compression_ratio("") == 0.0


def test_sentences_end_at_full_stops_of_any_script() -> None:
    words = [
        Word(float(n), n + 1.0, text, 1.0)
        for n, text in enumerate(["Go.", "Now", "go!", "好", "吧。", "end"])
    ]
    assert [[word.text for word in part] for part in in_sentences(words)] == [
        ["Go."],
        ["Now", "go!"],
        ["好", "吧。"],
        ["end"],
    ]
    assert in_sentences([]) == []


def test_the_share_of_speech() -> None:
    speech = speech_of((1.0, 2.0), (3.0, 4.0))
    assert speech_share(0.0, 4.0, speech) == 0.5
    assert speech_share(1.5, 1.5, speech) == 1.0
    assert speech_share(2.5, 2.5, speech) == 0.0
    assert speech_share(0.0, 4.0, []) == 0.0
