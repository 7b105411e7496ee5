create or replace function ablo.claim_note(p_claim ablo.claim) returns void
language plpgsql volatile
as $$
  -- Record under which claim this commit writes a row: for the log, and for the premises, which ignore the
  -- holder's own writes since the grant.
  -- Called by: claim_named, claim_guard. Read by: claim_of, premise_check.
begin
  perform set_config('ablo.claims',
    (coalesce(nullif(current_setting('ablo.claims', true), ''), '{}')::jsonb
     || jsonb_build_object(p_claim.model || ':' || p_claim.row_id, jsonb_build_array(p_claim.id, p_claim.read_at)))::text,
    true);
end
$$;
