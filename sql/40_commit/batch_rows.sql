create or replace function ablo.batch_rows(p_organization text, p_now timestamptz, p_operations ablo.batch_operation[])
returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[],
              before json, entered_groups text[])
language plpgsql volatile
as $$
  -- Write the rows of plain operations, one statement a model and action, and return what became of each, by its
  -- place. Creates come first and deletes last, as far as one commit's operations refer to each other's rows. What is
  -- missing from the result was not written: its row does not exist, is locked, or its values do not fit.
  -- Called by: ablo.batch_write. Locks: rows, skipping locked ones. Raises what the statements raise.
#variable_conflict use_column
declare
  v_kind record;
begin
  for v_kind in
    select o.model, o.action, array_agg(n::int) as ords, array_agg(o.id) as ids, array_agg(o.data) as items,
           array_agg(o.participant) as participants
      from unnest(p_operations) with ordinality
           o (c, model, action, id, data, transaction_id, participant, key, hash, behalf, capability, transport, with_rows, n)
     group by o.model, o.action
     order by case o.action when 'create' then 0 when 'delete' then 2 else 1 end,
              min(n) * case o.action when 'delete' then -1 else 1 end
  loop
    return query select * from ablo_model.many(v_kind.model, v_kind.action, p_organization, p_now, v_kind.ords, v_kind.ids,
                                               v_kind.items, v_kind.participants);
  end loop;
end
$$;
