create or replace function ablo.batch_apply(
  p_organization text, p_commits jsonb, out receipts json[], out rows text[]
)
language plpgsql volatile
as $$
  -- Apply the plain commits of a batch set-wise: a handful of statements for all of them. Returns their receipts and
  -- their rows (see ablo.batch_write) by place; null: left to ablo.commit_run. A piece that fails is rolled back and
  -- halved, so that one bad commit does not take the others along; a small one is left. For few rows, one by one is
  -- cheaper.
  -- Called by: ablo.commit_batch, with the order lock held. Locks: as ablo.batch_judge, then ablo.batch_write.
declare
  v_operations ablo.batch_operation[];
  v_ends int[];
  v_from int := 1;
  v_middle int;
  v_piece record;
  v_last ablo.batch_operation;
  v_done text;
begin
  begin
    v_operations := ablo.batch_judge(p_organization, p_commits);
    v_ends := array[coalesce(array_length(v_operations, 1), 0)];
  exception when others then
    return;
  end;
  if v_ends[1] < 12 then
    return;
  end if;
  receipts := array_fill(null::json, array[jsonb_array_length(p_commits)]);
  rows := array_fill(null::text, array[jsonb_array_length(p_commits)]);
  v_last := v_operations[v_ends[1]];
  v_done := ablo.identity_set(p_organization, v_last.participant, v_last.on_behalf_of, v_last.capability_id);
  while array_length(v_ends, 1) > 0 loop
    begin
      v_piece := ablo.batch_write(p_organization, v_operations[v_from:v_ends[1]]);
      for v_index in 1 .. coalesce(array_length(v_piece.commits, 1), 0) loop
        receipts[v_piece.commits[v_index]] := v_piece.receipts[v_index];
        rows[v_piece.commits[v_index]] := v_piece.rows[v_index];
      end loop;
    exception when others then
      v_middle := (v_from + v_ends[1]) / 2;
      while v_middle < v_ends[1] and (v_operations[v_middle]).commit = (v_operations[v_middle + 1]).commit loop
        v_middle := v_middle + 1;
      end loop;
      if v_ends[1] - v_from >= 7 and v_middle < v_ends[1] then
        v_ends := v_middle || v_ends;
        continue;
      end if;
    end;
    v_from := v_ends[1] + 1;
    v_ends := v_ends[2:];
  end loop;
end
$$;
