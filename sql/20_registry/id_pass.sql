create or replace function ablo.id_pass(p_table regclass, p_column text, p_model text, p_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Advance the sequence that numbers a table's rows past a number that a create has chosen, so that the next row
  -- of the table's application does not collide with it. Only nextval advances it: that never goes back, even
  -- with concurrent writers, and a rollback does not undo it. The number may therefore be ahead by at most 1000
  -- steps.
  -- Called by: the models' write functions, before the insert, for ids that are numbers. Locks: none. Raises:
  -- invalid_id.
declare
  v_sequence regclass := ablo.id_sequence(p_table, p_column);
  v_step bigint;
  v_ahead numeric;
  v_blocks bigint;
  v_next numeric;
begin
  if v_sequence is null then
    return;
  end if;
  select s.seqincrement, s.seqcache,
         ceil((p_id - coalesce(pg_sequence_last_value(v_sequence), s.seqstart - s.seqincrement)::numeric) / s.seqincrement)
    into v_step, v_blocks, v_ahead
    from pg_sequence s where s.seqrelid = v_sequence;
  if v_ahead > 1000 or v_blocks > 1 then
    perform ablo.raise_error('invalid_id',
      format('%s: the rows of %s are numbered by %s, which %s', p_model, p_table, v_sequence,
        case when v_blocks > 1 then 'allocates its numbers in blocks: one of them may be ' || p_id
             else format('has %s numbers to go to %s', v_ahead, p_id) end),
      'create the row without an id: it gets the next number',
      jsonb_build_object('model', p_model, 'field', 'id'));
  end if;
  while v_ahead > 0 loop
    v_next := nextval(v_sequence);
    exit when (v_next - p_id) * sign(v_step) >= 0;
  end loop;
end
$$;
