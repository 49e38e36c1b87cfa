"""Tables that cannot be taken as they are: columns, numbers, encodings, places."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards.reading import ShardError
from tests.shards.imported import CONFIG, image, put, rejects, run, samples, video, write_csv


def test_rows_that_cannot_be_taken(tmp_path: Path) -> None:
    put(tmp_path, {"a.mp4": video("a"), "b.mp4": video("b")})
    (tmp_path / "t.tsv").write_text(
        "key\tmedia\tcaption\n1\ta.mp4\tOne.\n1\tb.mp4\tAnother.\n2\tb.mp4\t\n3\tb.mp4\tx\ty\n4\n\u00e4 "
        "b\tb\tOdd key.\n"
    )
    report = run(str(tmp_path / "t.tsv"), tmp_path / "out")
    assert report.reasons == {"duplicate_key": 1, "no_caption": 1, "bad_row": 2}
    assert len(samples(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"caption": "nope"}, "no column 'nope'"),
        ({"colour": "caption"}, "there is no 'colour'"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    table = write_csv(tmp_path / "t.csv", [{"path": "a.mp4", "caption": "x"}])
    with pytest.raises(ShardError, match=message):
        run(table, tmp_path / "out", replace(CONFIG, columns=columns))


def test_a_table_without_captions_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="--columns caption=NAME; there are: path, words"):
        run(write_csv(tmp_path / "t.csv", [{"path": "a.mp4", "words": "x"}]), tmp_path / "out")
    with pytest.raises(ShardError, match="none of 1 rows could be taken"):
        run(write_csv(tmp_path / "t.csv", [{"path": "a.mp4", "text": "x"}]), tmp_path / "out")


def test_numbers_that_are_none_reject_their_row_alone(tmp_path: Path) -> None:
    put(tmp_path, {f"{n}.jpg": image(n) for n in range(4)})
    rows = ["file,text,start", "0.jpg,a,nan", "1.jpg,b,0", "2.jpg,c,1e400"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    report = run(str(tmp_path / "t.csv"), tmp_path / "out")
    assert (report.num_rows, report.num_rejected) == (3, 2)
    assert [(each["row"], each["detail"]) for each in rejects(tmp_path / "out")] == [
        (1, "its column 'start' (start) is 'nan', which is no finite number"),
        (3, "its column 'start' (start) is '1e400', which is no finite number"),
    ]
    lines = [
        '{"file": "0.jpg", "text": "a", "n": NaN}',
        '{"file": "1.jpg", "text": "b", "n": Infinity}',
        '{"file": "2.jpg", "text": "c", "n": "\\ud800"}',
        '{"file": "3.jpg", "text": "d", "n": {"below": [1e999]}}',
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    report = run(str(tmp_path / "t.jsonl"), tmp_path / "two")
    assert [(each["row"], each["detail"].partition(",")[0]) for each in rejects(tmp_path / "two")] == [
        (2, "its column 'n' is inf"),
        (3, "its column 'n' is no Unicode text: '\\ud800'"),
        (4, "its column 'n' is inf"),
    ]
    table = pa.table({"file": ["0.jpg", "1.jpg"], "text": ["a", "b"], "score": [float("nan"), 1.0]})
    pq.write_table(table, tmp_path / "t.parquet")
    config = replace(CONFIG, columns={"score.x": "score"})
    assert run(str(tmp_path / "t.parquet"), tmp_path / "three", config).num_rejected == 0
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for name, data in {
            "0.jpg": image(0), "0.json": b'{"caption": "a", "n": NaN}',
            "1.jpg": image(1), "1.json": b'{"caption": "a", "n": Infinity}',
        }.items():  # fmt: skip
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    report = run(str(tmp_path / "t.tar"), tmp_path / "four")
    assert [each["key"] for each in rejects(tmp_path / "four")] == ["1"]


def test_columns_of_json_lines_are_those_of_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shards.writing.importing.rows.NAMING_ROWS", 2)
    put(tmp_path, {f"{n}.jpg": image(n) for n in range(4)})
    lines: list[dict[str, str]] = [
        {"file": "0.jpg"},
        {"file": "1.jpg", "caption": "b"},
        {"file": "2.jpg", "caption": "c", "licence": "CC0"},
        {"file": "3.jpg", "caption": "d"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    report = run(str(tmp_path / "t.jsonl"), tmp_path / "out")
    assert (report.num_rows, report.reasons) == (4, {"no_caption": 1})
    licences = [json.loads(each["json"])["source"]["licence"] for each in samples(tmp_path / "out").values()]
    assert sorted(map(str, licences)) == ["CC0", "None", "None"]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_tables_that_are_not_utf_8_are_refused_by_line(tmp_path: Path, name: str) -> None:
    lines = ["file,text", "0.jpg,good", "1.jpg,\u00e9t\u00e9"]
    if name == "t.jsonl":
        lines = ["", '{"file": "0.jpg", "text": "good"}', '{"file": "0.jpg", "text": "\u00e9t\u00e9"}']
    (tmp_path / name).write_bytes("\n".join(lines).encode("latin-1"))
    with pytest.raises(ShardError, match=rf"{name}: line 3 is not UTF-8 \(byte 0xe9"):
        run(str(tmp_path / name), tmp_path / "out")


def test_inputs_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(ShardError, match="nothing to import"):
        run(str(tmp_path / "t.csv"), tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="nope: no such folder"):
        run(str(tmp_path / "t.csv"), tmp_path / "out", replace(CONFIG, media=str(tmp_path / "nope")))
