"""The kinds of transition and how often each is made."""

from __future__ import annotations

from dataclasses import dataclass

from curation.detect.learning import blends, moves, wipes
from curation.detect.learning.draws import Shares
from curation.detect.learning.junction import Draw


@dataclass(frozen=True)
class Kind:
    """A kind of transition: its name, its share of all transitions, and how one is drawn."""

    name: str
    share: float
    draw: Draw


KINDS = (
    Kind("cut", 0.45, blends.cut),
    Kind("dissolve", 0.20, blends.dissolve),
    Kind("fade_through", 0.12, blends.fade_through),
    Kind("cut_then_fade_in", 0.03, blends.cut_then_fade_in),
    Kind("fade_out_then_cut", 0.03, blends.fade_out_then_cut),
    Kind("wipe", 0.06, wipes.wipe),
    Kind("push", 0.02, moves.push),
    Kind("slide", 0.01, moves.slide),
    Kind("zoom", 0.01, moves.zoom),
    Kind("zoom_dissolve", 0.01, moves.zoom_dissolve),
    Kind("cross_blur", 0.01, blends.cross_blur),
    Kind("blended_cut", 0.01, blends.blended_cut),
    Kind("flash", 0.01, blends.flash),
    Kind("dip", 0.01, blends.dip),
    Kind("plain_gap", 0.005, blends.plain_gap),
    Kind("light_leak", 0.004, blends.light_leak),
    Kind("glitch", 0.005, moves.glitch),
    Kind("mosaic", 0.003, moves.mosaic),
    Kind("flip", 0.003, moves.flip),
)
"""Shares after TransNetV2's training (arXiv 2008.04838, section 4), with the gradual ones its authors leave
out: those that real videos hold besides cuts, dissolves and fades make up 18 %."""

KIND_SHARES = Shares([(kind, kind.share) for kind in KINDS])
