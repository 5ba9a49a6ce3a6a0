"""The blank hypothesis: what `hypothesis-new` writes and what nobody may hand in unfilled.

A text constant and not a package file, so that it is at hand wherever the workspace is, and so that the check for
unfilled places and the template can't drift apart: every `<...>` below counts as not filled.
"""

from __future__ import annotations

TEMPLATE = """\
---
id: <H-AREA-001>
title: "<one sentence that says what will get better, and by what change>"
owner: "<the person who answers for it>"
problem: <the problem's name, see 'problems'>
parent: ""
change_type: <feature, objective, data, architecture or tuning>
claim:
  metric: <the metric's name, or weighted_segment_ before it>
  slice: <overall, or one segment>
  direction: <decrease or increase>
  min_effect: <a number above 0, 0.05 for 5 %>
  unit: <relative or absolute>
guardrails:
  - name: <the policy's name for what must not get worse>
    limit: <a number>
    unit: <relative or absolute>
plan:
  strategy: <the strategy's name>
  feature_set_version: <for example v2.0>
  dataset_version: <one name, a list of names, or any with a dataset_reason below it>
---

## Observation

<What was seen, on which rows and dates, with figures. Not on the holdout.>

## Mechanism

<Why the change should help: what the present champion can't express, and what the new one can.>

## Claim

<The claim in words, with the effect that would still matter to somebody, and what the champion is.>

## How it could be wrong

<What result would refute it, and which other explanations would look the same in the figures.>

## Guardrails

<What must not get worse, by how much at most, and for whom.>

## Plan

<Data, features, strategy, seeds and budget, fixed before training; what will not be tuned on the holdout.>

## Decision rule

<What will be done if it is supported, if it is refuted, and if it is inconclusive.>

## Risks and fairness

<Who could be harmed by it, which groups are looked at, and what the model must not be used for.>

## Rollout and rollback

<How it goes live, what is watched in the first weeks, and what makes it go back.>

## Outcome

Written by the arena; the digest does not cover what stands between the two marks.

<!-- outcome:begin -->
Not tested yet.
<!-- outcome:end -->
"""
