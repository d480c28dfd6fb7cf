{#
  Every staging model with its source: [{'model': …, 'system': …, 'table': …, 'base': relation}, …]. The models are
  named here for dbt to know the order of building; a test holds the list against the folders.
#}
{% macro staging_models() -%}
    {%- set tables = {
        'erp': [
            'inventory_snapshot', 'location', 'machine_run_time', 'product', 'product_category',
            'product_cost_history', 'product_inventory', 'product_subcategory', 'purchase_order_detail',
            'purchase_order_header', 'sales_order_detail', 'sales_order_header', 'scrap_reason', 'ship_method',
            'special_offer', 'vendor', 'work_order', 'work_order_routing',
        ],
        'crm': [
            'call_center', 'campaign', 'customer', 'lead', 'opportunity', 'person', 'sales_person',
            'sales_person_quota_history', 'sales_territory', 'service_ticket', 'store', 'store_traffic',
        ],
        'oa': [
            'approval_step', 'department', 'dim_account', 'dim_department_group', 'dim_organization', 'dim_scenario',
            'employee', 'employee_department_history', 'fact_finance', 'project',
        ],
    } -%}
    {%- set found = [] -%}
    {%- for system, names in tables.items() -%}
        {%- for table in names -%}
            {%- do found.append({
                'system': system, 'table': table, 'base': base_of(ref('stg_' ~ system ~ '__' ~ table)),
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
