"""Telemetry of a code assistant: a warehouse of events, its checks at the door, and the SQL that asks it.

For experiments: `ds_workflow.adapters.telemetry.experiment.arm_moments(warehouse, metric, arm=..., filters=...)` gives
the sufficient statistics of every arm (n, sums, sums of squares and cross products over developers, who are the unit of
randomisation) for a product metric of `ds_workflow.domain.product_metrics`. `warehouse` is
`ds_workflow.adapters.telemetry.warehouse.of(work.settings.data)`; `ArmMoments.pair` is the
`domain.ab_test.samples.Pair` that `contrasts.ratios` takes.

    from ds_workflow.adapters.telemetry import experiment, warehouse
    found = experiment.arm_moments(warehouse.of(work.settings.data), "acceptance_rate", arm="model_version")
    contrast = contrasts.ratios(found.arms["assistant-1"].pair, found.arms["assistant-2"].pair)
"""
