"""The table of sizes in docs/models.md is what the configs say."""

from __future__ import annotations

from pathlib import Path

from tests.training.models.test_student import DISTILLED, STAGE1
from training.models.encoder_config import SIZES, EncoderConfig
from training.models.flops import encoder_macs, encoder_parameters, student_parameters

PAGE = Path(__file__).resolve().parents[3] / "docs" / "models.md"


def test_the_table_of_sizes_is_right() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    table = {row[0]: row[1:] for row in rows if row[0] in SIZES}
    assert table.keys() == SIZES.keys()
    for size, cells in table.items():
        config = EncoderConfig.model_validate({"size": size})
        heads = STAGE1 if size.endswith("B") and size != "B" else DISTILLED
        assert cells == [
            *(str(value) for value in SIZES[size].values()),
            f"{encoder_parameters(config) / 1e6:.1f}",
            f"{student_parameters(config, heads) / 1e6:.1f}",
            f"{encoder_macs(config) / 1e9:.0f}",
            f"{encoder_macs(config, 8 * 52) / 1e9:.0f}",
        ]


def test_all_files_are_told() -> None:
    told = PAGE.read_text()
    folder = PAGE.parents[1] / "training" / "models"
    assert [path.name for path in folder.glob("[a-z]*.py") if path.name not in told] == []
