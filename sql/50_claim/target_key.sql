-- Advisory key of a claimable target: held exclusively by a grant on a row that does not exist, shared
-- by whoever creates a row. Called by: ablo.claim_grant, ablo.commit_apply.
create or replace function ablo.target_key(p_organization text, p_model text, p_row_id text) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_organization || e'\x1f' || p_model || e'\x1f' || p_row_id, 7003) $$;
