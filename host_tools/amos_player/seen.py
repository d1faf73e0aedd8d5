"""What a running player does, read on its own thread."""

import math
from dataclasses import replace

from amos.app import Player
from amos.packs.folder import PackFolder
from amos.protocol.link import STATES
from amos.protocol.manifest import ROLES, PackStem
from amos.session.sounding import section_of, stems_of
from amos.sound.limiter import UNITY_Q15
from amos_player.facts import Now, Stem

Works = dict[bytes, tuple[str, str]]


def seen(player: Player, works: Works) -> Now:
    """At this moment; titles and artists from `works`, by stem id."""
    state, device = player.device.player_state, player.device
    known = Now(STATES[state.reported_state], device.identity.device_id.hex(), state.reported_text)
    session, pack = state.session, player.pack
    if session is None or pack is None:
        return known
    vm = session._vm
    sliders = zip(session.score.sliders, vm.slider_values(), strict=True)
    return replace(
        known,
        section=section_of(session),
        stems=tuple(_stem(pack, number, works) for number in stems_of(session)),
        volume_db=round(20 * math.log10(vm.volume_q15 / UNITY_Q15), 1),
        sliders={slider.name: round(value / 32768, 4) for slider, value in sliders},
    )


def _stem(pack: PackFolder, number: int, works: Works) -> Stem:
    facts: PackStem = pack.manifest.stems[number]
    title, artist = works.get(facts.stem_id, (None, None))
    return Stem(number + 1, facts.stem_id.hex(), ROLES[facts.role], title, artist)
