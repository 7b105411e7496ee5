-- Whether a text is a value of one of the field types, without raising.
-- Called by: ablo.filter_literal. The inner block costs a subtransaction; filters are few.
create or replace function ablo.text_is(p_text text, p_type text) returns boolean
language plpgsql stable
as $$
begin
  case p_type
    when 'text' then null;
    when 'bigint' then perform p_text::bigint;
    when 'double precision' then perform p_text::double precision;
    when 'numeric' then perform p_text::numeric;
    when 'boolean' then perform p_text::boolean;
    when 'timestamptz' then perform p_text::timestamptz;
    when 'date' then perform p_text::date;
    when 'uuid' then perform p_text::uuid;
    else return false;
  end case;
  return true;
exception when data_exception then
  return false;
end
$$;
