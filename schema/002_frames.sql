-- Enhanced objects: many frames and positions an instance.

ALTER TABLE instance ADD COLUMN frames INTEGER NOT NULL DEFAULT 1;    -- images with a place, or 1
ALTER TABLE instance ADD COLUMN positions INTEGER NOT NULL DEFAULT 1; -- different ones of its frames
ALTER TABLE instance ADD COLUMN last_position INTEGER; -- the highest; NULL: that of column position
