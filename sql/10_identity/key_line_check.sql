create or replace function ablo.key_line_check(p_id text) returns void
language plpgsql volatile
as $$
  -- Refuse another rotation if 100 keys of the line are live: each rotation keeps the old key for its grace, and
  -- a program that renews in a loop would create keys without end.
  -- Called by: ablo.key_rotate. Walks to the line's start, then down. Raises: quota_exceeded.
begin
  if (
    with recursive up (id, rotated_from) as (
      select k.id, k.rotated_from from ablo.api_key k where k.id = p_id
      union all
      select k.id, k.rotated_from from up u join ablo.api_key k on k.id = u.rotated_from),
    line (key) as (
      select k from up u join ablo.api_key k on k.id = u.id where u.rotated_from is null
      union all
      select k from line l join ablo.api_key k on k.rotated_from = (l.key).id)
    select count(*) from line l where ablo.key_status(l.key) = 'live') >= 100
  then
    perform ablo.raise_error('quota_exceeded', '100 keys of this line of rotations are live',
      'rotate with a shorter graceSeconds, or revoke the line and make a new key', '{"limit": 100}');
  end if;
end
$$;
