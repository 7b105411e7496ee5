create or replace function ablo.claim_refuse(p_code text, p_model text, p_row_id text, p_holders jsonb) returns void
language plpgsql stable
as $$
  -- Refuse a claim or a write because others hold the row; names the holder, its purpose, and its expiry. A
  -- key that may write the row but not read it learns only that it is claimed.
  -- Called by: acquire (claim_conflict), the guard (entity_claimed). Raises: p_code.
declare
  v_key text := (select m.key from ablo.model m where m.typename = p_model);
  v_seen boolean := ablo.key_may(ablo.key_acting(), p_model, 'read');
begin
  perform ablo.raise_error(p_code,
    case when v_seen then ablo.claim_words(v_key, p_row_id, p_holders)
      else format('%s %s is claimed by another participant', v_key, left(p_row_id, 80)) end,
    'wait for it in the queue (claim it), or try again once it is free',
    jsonb_strip_nulls(jsonb_build_object('model', v_key, 'id', p_row_id,
      'heldBy', case when v_seen then p_holders -> 0 ->> 'heldBy' end, 'claims', case when v_seen then p_holders end)));
end
$$;
