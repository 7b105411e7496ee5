"""Broken builds: a kernel that judges premises too early, or not at all."""

from __future__ import annotations

from typing import Final

NEVER: Final = """
alter function ablo.premise_check(text, text, jsonb, bigint, boolean) rename to premise_early;
create function ablo.premise_check(
  p_organization text, p_participant text, p_request jsonb, p_before bigint, p_tracks boolean)
returns jsonb language plpgsql as 'begin return null; end'"""

# Before any row is locked and before the order lock, in place of at the commit point.
EARLY: Final = f"""
{NEVER};
alter function ablo.commit_apply(text, text, jsonb, bigint) rename to commit_apply_late;
create function ablo.commit_apply(
  p_organization text, p_participant text, p_request jsonb, p_before bigint,
  out applied int, out notifications jsonb, out missing text[], out guarded boolean)
language plpgsql as $$
begin
  perform ablo.premise_early(p_organization, p_participant, p_request, p_before, false);
  select * into applied, notifications, missing, guarded
    from ablo.commit_apply_late(p_organization, p_participant, p_request, p_before);
end
$$"""

MUTANTS: Final = {"never": NEVER, "before the order lock": EARLY}
