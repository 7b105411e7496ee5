create or replace function ablo.commit_rows(p_organization text, p_request jsonb, p_receipt json) returns json
language plpgsql volatile
as $$
  -- The answer to a commit whose request has "returning": its receipt, and in it "rows", one an operation:
  -- {"row": {...} | null, "stamp": n}, the row as this transaction leaves it; null where the key may not read the
  -- model. A replay is given the rows as they are now, an operation that was held back likewise. Rows that
  -- together are larger than one answer may be are left out, all of them: the caller reads them then.
  -- The capture of a single operation has handed its row on in ablo.row, which spares a read under the order lock;
  -- that path has few expressions, since each transaction starts every one of them again.
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
  v_captured text := current_setting('ablo.row', true);
  v_place text;
begin
  if current_setting('ablo.capability_id', true) <> '' then
    v_key := ablo.key_acting();
    if v_key.sync_groups is not null or not ablo.key_may(v_key, ablo_model.resolve(p_request #>> '{operations,0,model}'), 'read') then
      v_captured := '';
    end if;
  end if;
  v_place := case when p_request #> '{operations,1}' is null then ablo_model.resolve(p_request #>> '{operations,0,model}')
    || ':' || coalesce(p_request #>> '{operations,0,id}', p_receipt ->> 'id') || e'\x1f' end;
  if starts_with(v_captured, v_place) then
    v_rows := substr(v_captured, length(v_place) + 1);
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
  return left(p_receipt::text, -1) || ',"rows":[' || coalesce(v_rows, '') || ']}';
end
$$;
