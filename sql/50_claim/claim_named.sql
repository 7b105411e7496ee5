create or replace function ablo.claim_named(
  p_organization text, p_participant text, p_model text, p_row_id text, p_claim_id text
) returns void
language plpgsql volatile
as $$
  -- The claim that an operation names must be the writer's live claim on that row. Checked before the write, so
  -- that a lost claim is the first error that the writer gets, and so that a capture in mid-commit knows of it;
  -- ablo.claim_guard checks again under the row's lock.
  -- Called by: ablo.commit_apply. Raises: claim_lost.
declare
  v_claim ablo.claim;
begin
  select * into v_claim from ablo.claim c
   where c.organization_id = p_organization and c.id = p_claim_id
     and c.model = p_model and c.row_id = p_row_id and c.participant = p_participant
     and c.status = 'active' and c.expires_at > clock_timestamp();
  if v_claim.id is null then
    perform ablo.claim_lost(p_organization, p_participant, p_claim_id);
  end if;
  perform ablo.claim_note(v_claim);
end
$$;
