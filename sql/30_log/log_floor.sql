create or replace function ablo.log_floor() returns bigint
language sql volatile
as $$
  -- The id below which reads do not look for a row's last change if they need not know it exactly: at most the
  -- three newest partitions, of which the last is empty, are above it. 0 until there are two.
  -- Called by: ablo.log_head, ablo.row_stamp, ablo.row_stamps, ablo.row_groups. Inlined.
  select greatest((coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0) / ablo.partition_ids() - 1) * ablo.partition_ids() - 1, 0)
$$;
