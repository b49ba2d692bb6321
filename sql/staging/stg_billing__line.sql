with

source as (
    select * from billing_line
),

final as (
    select
        cast("BillingPeriodStart" as timestamptz) as billing_period_start_utc,
        cast("BillingPeriodEnd" as timestamptz) as billing_period_end_utc,
        cast("ChargePeriodStart" as timestamptz) as charge_period_start_utc,
        cast("ChargePeriodEnd" as timestamptz) as charge_period_end_utc,
        cast("BilledCost" as decimal(38, 10)) as billed_cost,
        cast("EffectiveCost" as decimal(38, 10)) as effective_cost,
        cast("ListCost" as decimal(38, 10)) as list_cost,
        cast("ContractedCost" as decimal(38, 10)) as contracted_cost,
        cast("ConsumedQuantity" as double) as consumed_quantity,
        cast("PricingQuantity" as double) as pricing_quantity,
        cast("BillingCurrency" as varchar) as billing_currency,
        cast("BillingAccountId" as varchar) as billing_account_id,
        cast("SubAccountId" as varchar) as sub_account_id,
        cast("ChargeCategory" as varchar) as charge_category,
        cast("ChargeClass" as varchar) as charge_class,
        cast("ChargeDescription" as varchar) as charge_description,
        cast("CommitmentDiscountId" as varchar) as commitment_discount_id,
        cast("CommitmentDiscountStatus" as varchar) as commitment_discount_status,
        cast("ConsumedUnit" as varchar) as consumed_unit,
        cast("PricingCategory" as varchar) as pricing_category,
        cast("PricingUnit" as varchar) as pricing_unit,
        cast("ProviderName" as varchar) as provider_name,
        cast("RegionId" as varchar) as region,
        cast("AvailabilityZone" as varchar) as availability_zone,
        cast("ResourceId" as varchar) as resource_id,
        cast("ServiceName" as varchar) as service_name,
        cast("SkuId" as varchar) as sku_id,
        cast("x_InstanceType" as varchar) as instance_type,
        cast("Tags" as varchar) as tags
    from source
)

select * from final
