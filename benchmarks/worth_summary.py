"""Stub."""

from typing import Any


def summary(rows: list[dict[str, Any]]) -> None:
    for r in rows:
        print(r["set"], r["seed"], r["regime"], r["seconds"])
        for k, v in {**r["heads"], **r["blends"]}.items():
            print(f"   {k:28} {v['oof']:.5f} {v['test']:.5f} {v.get('seconds', '')} {v.get('weights', '')}")
