create or replace function ablo.changed_json(p_rows text[]) returns jsonb
language sql immutable parallel safe
as $$
  -- The changes in a group or a filter, for a notification: {"count", "sample": [{"model", "id"}] of at most 10,
  -- "truncated": there are more than the sample shows}.
  -- Called by: ablo.filter_stale, ablo.read_stale, ablo.track_groups. p_rows: {{typename, row id}, ...}.
  select jsonb_build_object('count', coalesce(array_length(p_rows, 1), 0), 'truncated', coalesce(array_length(p_rows, 1), 0) > 10,
    'sample', coalesce((select jsonb_agg(jsonb_build_object('model', p_rows[n][1], 'id', p_rows[n][2]) order by n)
                          from generate_series(1, least(array_length(p_rows, 1), 10)) n), '[]'))
$$;
