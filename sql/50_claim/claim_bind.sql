create or replace function ablo.claim_bind(p_organization text, p_model text, p_row_id text, p_parts text[]) returns void
language plpgsql volatile
as $$
  -- Refuse a change of a row that others have claimed, through any interface. The row is locked already (a BEFORE
  -- ROW trigger of an update or delete runs under its lock, an insert has its creation key), and a grant needs
  -- that lock: what is seen here holds until the commit. A transaction at REPEATABLE READ or SERIALIZABLE uses
  -- the snapshot of its first statement, which may be older than the grant; ablo.claim_holders_now sees past
  -- that. p_parts: what the change touches (lower case), null for the whole row.
  -- Called by: the guard triggers of models declared with claims_bind_sql. Raises: entity_claimed in a commit;
  -- for plain SQL, named or not, the same as lock_not_available (55P03), which every driver and ORM knows;
  -- serialization_failure (40001).
declare
  v_writer text := current_setting('ablo.writer', true);  -- recorded by the guard, just before
  v_holders jsonb;
  v_key text;
  v_context text;
begin
  if ablo_model.conflict(p_model, split_part(v_writer, ':', 1)) = 'overwrite' then
    return;
  elsif current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    v_holders := ablo.claim_holders_now(p_organization, p_model, p_row_id, p_parts, v_writer);
  else
    v_holders := ablo.claim_holders(p_organization, p_model, p_row_id, p_parts, v_writer);
  end if;
  if v_holders is null then
    return;
  end if;
  get diagnostics v_context = pg_context;
  if position('function ablo.commit_apply(' in v_context) > 0 then
    perform ablo.claim_refuse('entity_claimed', p_model, p_row_id, v_holders);
  end if;
  select m.key into v_key from ablo.model m where m.typename = p_model;
  raise exception using
    errcode = 'lock_not_available',
    message = ablo.claim_words(v_key, p_row_id, v_holders),
    detail = jsonb_build_object('code', 'entity_claimed', 'model', v_key, 'id', p_row_id,
      'heldBy', v_holders -> 0 ->> 'heldBy', 'claims', v_holders)::text,
    hint = 'try again when the claim has ended; the model is declared with claims_bind_sql';
end
$$;
