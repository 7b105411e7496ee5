create or replace function ablo.groups_sql(p_model ablo.model, p_groups text[]) returns text
language sql immutable
as $$
  -- The condition that a row t of a model is in one of these sync groups, as SQL; null groups: no condition.
  -- (t.*), not (t): a column t would be taken for the row. Everyone may see rows of a model without
  -- organizations.
  -- Called by: ablo.row_get, ablo.row_list.
  select case when p_groups is null or p_model.org_column is null then ''
    when p_model.definition ->> 'groupsFunction' is null then ' and false'
    else format(' and ablo_model.%I(t.*) && %L::text[]', p_model.definition ->> 'groupsFunction', p_groups) end
$$;
