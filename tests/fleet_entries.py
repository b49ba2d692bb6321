"""Entries of fleets.yaml that tests and benches write, by `.format(name=...)`."""

GROUP_ENTRY = """\
  - id: {name}
    target: {{kind: ec2_auto_scaling_group, name: {name}}}
    demand: {{metric: {{namespace: AWS/ApplicationELB, name: RequestCount, dimensions: {{LoadBalancer: {name}}}}}}}
    objective: {{latency_seconds: 2.0}}
    serving: {{model: slots, service_seconds: 0.4}}
    instance_types: [{{name: g5.12xlarge}}]
    lead_time_seconds: 300
    bounds: {{min_instances: 2, max_instances: 60}}
"""
