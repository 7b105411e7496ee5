-- Whether two claims, or a claim and a write, touch the same part of a row; null is the whole row.
-- Called by: claim routines and the guards. Part names are lower case.
create or replace function ablo.parts_overlap(p_one text[], p_other text[]) returns boolean
language sql immutable parallel safe
as $$ select coalesce(p_one && p_other, true) $$;
