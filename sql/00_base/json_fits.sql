create or replace function ablo.json_fits(p_value jsonb) returns boolean
language plpgsql immutable strict
as $$
  -- Whether every client can read a JSON value back: at most 128 levels, every number within double precision and
  -- written out in at most 400 characters. jsonb itself accepts 1e131071, nine bytes that come back as 131,072
  -- digits. All routines that write clients' JSON use it.
  -- Called by: the compiled tests of json fields, commit_check, claim_request, claim_renew, presence_check. NULL
  -- for NULL. Short text contains neither; the last test runs if there may be too many digits.
begin
  if length(p_value::text) < 250 then
    return true;
  elsif jsonb_path_exists(p_value, 'strict $.**{129}') then
    return false;
  end if;
  return p_value::text !~ '[0-9.]{250}' or not exists (
    select from jsonb_path_query(p_value, 'strict $.** ? (@.type() == "number")') n
     where length(n::text) > 400 or abs(n::text::numeric) > 1.7976931348623157e308);
end
$$;
