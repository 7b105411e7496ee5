create or replace function ablo.claim_holders(
  p_organization text, p_model text, p_row_id text, p_parts text[], p_participant text
) returns jsonb
language plpgsql stable
as $$
  -- The live holders of an overlapping part of a row, other than a participant, as summaries. A holder whose row
  -- was deleted since its grant no longer counts.
  -- Called by: the guards, refusals. Reads claim_target_idx.
begin
  return (
    select jsonb_agg(ablo.claim_summary(c) order by c.ticket)
      from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
       and c.status = 'active' and c.expires_at > clock_timestamp()
       and c.participant <> p_participant
       and ablo.parts_overlap(c.parts, p_parts)
       and not ablo.claim_row_deleted(c));
end
$$;
