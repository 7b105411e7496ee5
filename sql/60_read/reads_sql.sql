create or replace function ablo.reads_sql(p_model ablo.model) returns text
language sql stable
as $$
  -- The condition that the participant of this transaction may read a row t of a model, as SQL; '' if everyone may.
  -- The function is inlined: an index serves what it compares.
  -- Called by: ablo.row_read, ablo.row_list.
  select case when p_model.definition ->> 'readsFunction' is null then ''
    else format(' and ablo_model.%I(t.*, %L)', p_model.definition ->> 'readsFunction', current_setting('app.current_participant_id', true)) end
$$;
