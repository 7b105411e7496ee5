-- Refuse a claim or a write because others hold the row; names the holder, its purpose, and its expiry.
-- Called by: acquire (claim_conflict), the guard (entity_claimed). Raises: p_code.
create or replace function ablo.claim_refuse(p_code text, p_model text, p_row_id text, p_holders jsonb) returns void
language plpgsql stable
as $$
declare
  v_key text := (select m.key from ablo.model m where m.typename = p_model);
begin
  perform ablo.raise_error(p_code, ablo.claim_words(v_key, p_row_id, p_holders),
    'wait for it in the queue (claim it), or try again once it is free',
    jsonb_strip_nulls(jsonb_build_object('model', v_key, 'id', p_row_id,
      'heldBy', p_holders -> 0 ->> 'heldBy', 'claims', p_holders)));
end
$$;
