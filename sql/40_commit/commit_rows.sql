create or replace function ablo.commit_rows(p_organization text, p_request jsonb, p_receipt json) returns json
language plpgsql volatile
as $$
  -- The answer to a commit whose request has "returning": its receipt, and in it "rows", one an operation:
  -- {"row": {...} | null, "stamp": n}, the row as this transaction leaves it; null where the key may not read the
  -- model. A replay is given the rows as they are now, an operation that was held back likewise. Rows that
  -- together are larger than one answer may be are left out, all of them: the caller reads them then.
  -- The delta of a single operation has its row already, which spares a read under the order lock; that path has
  -- few expressions, since each transaction starts every one of them again.
  -- Called by: ablo.commit, ablo.commit_batch, after ablo.commit_run, whose identity settings still hold; the
  -- receipt that is stored has no rows. A landed commit must not fail for what its key may not read: nothing is
  -- raised here. Locks: none.
declare
  v_operations jsonb;
  v_key ablo.key_rights;
  v_typename text;
  v_model ablo.model;
  v_id text;
  v_rows text;
begin
  if current_setting('ablo.capability_id', true) <> '' then
    v_key := ablo.key_acting();
  end if;
  if jsonb_array_length(p_request -> 'operations') = 1 and ablo_model.sees(ablo_model.resolve(p_request #>> '{operations,0,model}'), null, null, null)
    and v_key.sync_groups is null
    and (v_key.id is null or ablo.key_may(v_key, ablo_model.resolve(p_request #>> '{operations,0,model}'), 'read'))
  then
    select json_build_object('row', d."row", 'stamp', d.sync_id) into v_rows from ablo.delta d
     where d.organization_id = p_organization and d.sync_id = (p_receipt ->> 'lastSyncId')::bigint
       and d.model = ablo_model.resolve(p_request #>> '{operations,0,model}')
       and d.row_id = coalesce(p_request #>> '{operations,0,id}', p_receipt ->> 'id') and d.xid = pg_current_xact_id();
  end if;
  if v_rows is null then
    v_operations := coalesce(nullif(p_request -> 'operations', 'null'), '[]');
    for v_index in 0 .. jsonb_array_length(v_operations) - 1 loop
      v_typename := ablo_model.resolve(v_operations -> v_index ->> 'model');
      v_id := coalesce(v_operations -> v_index ->> 'id', p_receipt ->> 'id', p_receipt -> 'madeIds' ->> v_index::text);
      select * into v_model from ablo.model m where m.typename = v_typename;
      v_rows := concat(v_rows || ',', case when ablo.key_may(v_key, v_typename, 'read')
        then ablo.row_read(p_organization, v_model, v_id, v_key.sync_groups) else 'null' end);  -- as text, never jsonb
      if octet_length(v_rows) > ablo.bound('answer_bytes') and v_index > 0 then
        return p_receipt;
      end if;
    end loop;
  end if;
  return left(p_receipt::text, -1) || ',"rows":[' || v_rows || ']}';
end
$$;
