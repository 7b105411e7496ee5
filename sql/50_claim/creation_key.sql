-- Advisory key against the creation of a row: held exclusively by a grant on a row that does not exist, shared
-- by creators. One of 16 per organization, so that a commit of many creates takes few locks; two rows of one
-- key only wait for each other's transactions.
-- Called by: row_try_lock, commit_apply, the guard triggers of models whose claims bind SQL.
create or replace function ablo.creation_key(p_organization text, p_model text, p_row_id text) returns bigint
language sql immutable parallel safe
as $$
  select hashtextextended(p_organization || e'\x1f' || (hashtext(p_model || e'\x1f' || p_row_id) & 15), 7003)
$$;
