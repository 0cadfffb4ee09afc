INSERT INTO products (id, name, blurb, emoji, price_cents) VALUES
    (1,  'Filter coffee',   'A bright washed Ethiopian, 250 g',        '☕', 1190),
    (2,  'Green tea',       'First-flush sencha, 100 g',               '🍵', 980),
    (3,  'Sourdough loaf',  'Two days of patience, one crust',         '🍞', 650),
    (4,  'Wild honey',      'From the hives behind the station',       '🍯', 840),
    (5,  'Olive oil',       'Cold-pressed in November, 500 ml',        '🫒', 1590),
    (6,  'Dark chocolate',  '72 percent, one bar, no regrets',         '🍫', 420),
    (7,  'Enamel mug',      'Survives every failover and most floors', '🥛', 1450),
    (8,  'Beeswax candle',  'Eight hours of light when the node dies', '🕯️', 1120),
    (9,  'Linen apron',     'Deep pockets, long straps',               '🧵', 3900),
    (10, 'Chef''s knife',   'Carbon steel, 21 cm',                     '🔪', 8900),
    (11, 'Basil plant',     'Put it near the window',                  '🌿', 390),
    (12, 'Picnic basket',   'Willow, for four',                        '🧺', 5450);
