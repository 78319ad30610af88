CREATE TABLE functions (
    title       TEXT PRIMARY KEY,
    language    TEXT NOT NULL CHECK (language IN ('nodejs', 'python', 'rust')),
    description TEXT NOT NULL,
    version     TEXT NOT NULL
) STRICT;

CREATE INDEX functions_by_language ON functions (language, title);

INSERT INTO functions (title, language, description, version) VALUES
    ('nodejs-calculator', 'nodejs', 'Arithmetic on numbers',                     '1.0.0'),
    ('nodejs-formatter',  'nodejs', 'Text built from a template and values',     '1.0.0'),
    ('nodejs-validator',  'nodejs', 'Rules checked against a record',            '1.1.0'),
    ('nodejs-aggregator', 'nodejs', 'Totals and groups over a list of records',  '1.0.0'),
    ('python-calculator', 'python', 'Arithmetic on numbers',                     '1.0.0'),
    ('python-statistics', 'python', 'Mean, median and spread of a sample',       '1.2.0'),
    ('python-text',       'python', 'Words counted, searched and replaced',      '1.0.0'),
    ('python-scheduler',  'python', 'Dates worked out from a rule',              '1.0.0'),
    ('rust-calculator',   'rust',   'Arithmetic on numbers',                     '1.0.0'),
    ('rust-primes',       'rust',   'Prime numbers and factors',                 '1.0.0'),
    ('rust-matrix',       'rust',   'Products and determinants of matrices',     '1.0.0'),
    ('rust-checksum',     'rust',   'Checksums of text',                         '1.0.1');
