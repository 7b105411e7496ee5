-- Limits of a caller's input to any routine, and of one answer, which also apply to direct callers. (A limit
-- that only one routine needs is in its checks.) ablo_pg/wire/limits.py repeats those that are refused before
-- the database is asked; a test compares the two.
-- Called by: routines that check their input, or that stop an answer at its budget.
create or replace function ablo.bound(p_name text) returns int
language sql immutable parallel safe
as $$
  select case p_name
    when 'where' then 64              -- terms of one filter
    when 'in' then 2000               -- values of all IN lists of one filter
    when 'orderBy' then 16            -- terms of one order
    when 'include' then 10            -- relations whose rows a list includes
    when 'groups' then 200            -- sync groups that a list is limited to
    when 'query_bytes' then 262144    -- a whole query, as text
    when 'id_bytes' then 1024         -- an id, an organization, a participant
    when 'answer_bytes' then 4194304  -- rows of one answer; the row that reaches it is the last
  end
$$;

-- Raise if there is more of something than allowed, with the field, the limit and the remedy. Raises:
-- invalid_request (too many), request_too_large (too long).
create or replace function ablo.bound_check(p_name text, p_field text, p_given bigint, p_remedy text) returns void
language plpgsql immutable
as $$
begin
  if p_given > ablo.bound(p_name) then
    perform ablo.raise_error(
      case when p_name like '%\_bytes' then 'request_too_large' else 'invalid_request' end,
      format('%s: %s %s; the limit is %s', p_field, p_given, case when p_name like '%\_bytes' then 'bytes' else 'of them' end,
        ablo.bound(p_name)),
      p_remedy, jsonb_build_object('field', p_field, 'limit', ablo.bound(p_name)));
  end if;
end
$$;
