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
alter function ablo.commit_apply(text, text, jsonb, bigint, ablo.key_rights, text)
  rename to commit_apply_late;
create function ablo.commit_apply(
  p_organization text, p_participant text, p_request jsonb, p_before bigint,
  p_key ablo.key_rights, p_transport text, out applied int, out notifications jsonb,
  out missing text[], out guarded boolean, out made jsonb)
language plpgsql as $$
begin
  perform ablo.premise_early(p_organization, p_participant, p_request, p_before, false);
  select * into applied, notifications, missing, guarded, made
    from ablo.commit_apply_late(
      p_organization, p_participant, p_request, p_before, p_key, p_transport);
end
$$"""

# Only rows that were on the page are looked at, not those that match by now.
NO_PHANTOMS: Final = """
create or replace function ablo.filter_match(p_model ablo.model, p_read jsonb) returns text
language sql as $$ select 'false' $$"""

# Only rows that match by now, not those that were on the page and are gone.
NO_DEPARTURES: Final = """
create or replace function ablo.filter_ids(p_ids jsonb) returns text[]
language sql as $$ select array[]::text[] $$"""

# An absence holds whatever is there.
NO_ABSENCE: Final = """
create or replace function ablo.row_present(
  p_organization text, p_model text, p_row_id text, p_operations jsonb, p_before bigint,
  out sync_id bigint, out actor text)
language plpgsql as 'begin end'"""

MUTANTS: Final = {"never": NEVER, "before the order lock": EARLY}
