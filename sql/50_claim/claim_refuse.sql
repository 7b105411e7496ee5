-- Refuse a claim or a write because others hold the row; names the holder, what for, and until when.
-- Called by: acquire (claim_conflict), the guard (entity_claimed). Raises: p_code.
create or replace function ablo.claim_refuse(
  p_model ablo.model, p_row_id text, p_fields text[], p_participant text, p_code text
) returns void
language plpgsql stable
as $$
declare
  v_holders jsonb := ablo.claim_holders(current_setting('app.current_org_id', true), p_model.typename, p_row_id, p_fields, p_participant);
begin
  perform ablo.raise_error(p_code,
    format('%s %s is held by %s (%s) until %s', p_model.key, left(p_row_id, 80),
      coalesce(v_holders -> 0 ->> 'heldBy', 'a writer at work'),
      coalesce(v_holders -> 0 ->> 'description', 'its transaction has not ended'),
      coalesce(to_char(to_timestamp((v_holders -> 0 ->> 'expiresAt')::numeric / 1000) at time zone 'UTC', 'HH24:MI:SS"Z"'), 'then')),
    'wait in line for it (queue=True), or read it again once it is free',
    jsonb_strip_nulls(jsonb_build_object('model', p_model.key, 'id', p_row_id,
      'heldBy', v_holders -> 0 ->> 'heldBy', 'claims', v_holders)));
end
$$;
