create or replace function ablo.text_is(p_text text, p_type text) returns boolean
language plpgsql stable
as $$
  -- Whether a text is a value of a type, without raising. p_type: of ablo.field_compared, as SQL.
  -- Called by: ablo.filter_literal, ablo.keyset_sql. The inner block costs a subtransaction; filters are few.
begin
  if p_type <> 'text' then
    execute format('select %L::%s', p_text, p_type);
  end if;
  return true;
exception when data_exception then
  return false;
end
$$;
