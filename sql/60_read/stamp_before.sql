create or replace function ablo.stamp_before(p_head bigint, p_floor bigint) returns bigint
language plpgsql stable
as $$
  -- The stamp of rows without a delta above p_floor: p_floor, at which they were as they are now. Never above the
  -- organization's watermark p_head, since a transaction that is still open may hold a lower id, nor below what
  -- retention has dropped, which no premise may name. Without a floor: the watermark.
  -- Called by: ablo.row_stamp, ablo.row_stamps.
begin
  return (select greatest(s.dropped_through, least(nullif(p_floor, 0), p_head)) from ablo.log_state s);
end
$$;
