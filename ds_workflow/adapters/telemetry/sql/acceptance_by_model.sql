-- question: How often is a suggestion taken, by version of the model, and how sure is that?
-- grain: one row per model version
-- columns:
--   model_version     version of the assistant's model
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
{{ rate_by(model_version, acceptance_rate) }}
order by model_version
