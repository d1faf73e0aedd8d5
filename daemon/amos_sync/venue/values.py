"""A moment of the venue as JSON: the one form in which the API, its events and the pages have it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from amos_sync.venue.pack_facts import DaypartFacts, PackFacts
from amos_sync.venue.seen import Seen, SeenPlayer, Slider

VERSION = 1


def status_json(seen: Seen, packs: Mapping[bytes, PackFacts], is_stale: bool, now: datetime) -> dict[str, Any]:
    """All of it; `now` is the local time, whose day's dayparts are told."""
    wrong = list(seen.wrong)
    if is_stale:
        wrong.insert(0, "the courier stands still, so this is old; look at amos courier status")
    return {
        "version": VERSION,
        "site": seen.site,
        "as_of_unix_s": int(now.timestamp()),
        "stale": is_stale,
        "broker_connected": seen.broker_connected,
        "wrong": wrong,
        "players": [_player(player, packs.get(player.pack), now) for player in seen.players],
    }


def _player(player: SeenPlayer, pack: PackFacts | None, now: datetime) -> dict[str, Any]:
    low, high = player.volume_db_range
    return {
        "device_id": player.device_id,
        "name": _name(player.address),
        "address": player.address,
        "state": player.state,
        "output": player.output,
        "wrong": list(player.wrong),
        "tells_what_sounds": player.tells,
        "section": player.section,
        "stems": [_stem(place, pack) for place in player.stems],
        "volume_db": player.volume_db,
        "volume_db_min": low,
        "volume_db_max": high,
        "sliders": [_slider(slider) for slider in player.sliders],
        "announcements": list(player.announcements),
        "may": [act for act in player.acts if act != "tier"],
        "paused_until_unix_s": player.paused_until_s,
        "pack": None if pack is None else {"name": pack.name, "serial": pack.serial},
        "last_receipted": player.last_receipted,
        "last_receipt_unix_s": player.receipted_unix_s,
        "waiting_segments": player.waiting_segments,
        "unsynced_minutes": player.unsynced_minutes,
        "lease_days": player.lease_days,
        "is_new": player.is_new,
        "called": player.called,
        "dayparts": [] if pack is None else _today(pack.dayparts, now),
    }


def _name(address: str) -> str:
    """What people call the player of that address: `unix:/run/amos/bar/link.sock` is the bar's."""
    parts = [part for part in address.split("/") if part]
    last = parts[-1].removesuffix(".sock")
    return parts[-2] if last == "link" and len(parts) > 2 else last


def _stem(place: int, pack: PackFacts | None) -> dict[str, Any]:
    known = pack.stems[place] if pack is not None and place < len(pack.stems) else None
    facts = {"stem_id": None, "role": None, "title": None, "artist": None} if known is None else asdict(known)
    return {"number": place + 1, **facts}


def _slider(slider: Slider) -> dict[str, Any]:
    value = None if slider.value_q15 is None else _units(slider.value_q15)
    return {"name": slider.name, "value": value, "min": _units(slider.lo_q15), "max": _units(slider.hi_q15)}


def _units(value_q15: int) -> float:
    return round(value_q15 / 32768, 4)


def _today(parts: Sequence[DaypartFacts], now: datetime) -> list[dict[str, Any]]:
    """In the order of the day. Of those that begin together the first counts, as in the score."""
    today = [part for part in parts if part.days >> now.weekday() & 1]
    return [_daypart(part) for part in sorted(today, key=lambda part: part.from_minute)]


def _daypart(part: DaypartFacts) -> dict[str, Any]:
    return {
        "from": f"{part.from_minute // 60:02}:{part.from_minute % 60:02}",
        "until": f"{part.until_minute // 60:02}:{part.until_minute % 60:02}",
        "slider": part.slider,
        "value": part.value,
    }
