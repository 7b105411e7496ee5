create or replace function ablo.text_is(p_text text, p_type text) returns boolean
language plpgsql stable
as $$
  -- Whether a text is a value of a type, without raising. p_type: of ablo.field_compared, as SQL.
  -- Called by: ablo.filter_literal, ablo.keyset_sql. The inner block costs a subtransaction, which the values of
  -- most filters do without.
begin
  if p_type = 'text' or p_type in ('bigint', 'numeric') and p_text ~ '^-?[0-9]{1,18}$' or p_type = 'boolean' and p_text in ('true', 'false') then
    return true;
  end if;
  begin
    execute format('select %L::%s', p_text, p_type);
    return true;
  exception when data_exception then
    return false;
  end;
end
$$;
