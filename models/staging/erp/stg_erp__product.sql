{{ staged_rows(
    'erp', 'product',
    key=['product_id'],
    version='modified_at',
    columns=[
        as_id('ProductID', 'product_id', required=true),
        as_id('ProductSubcategoryID', 'product_subcategory_id'),

        as_text('Name', 'name', required=true),
        as_text('ProductNumber', 'product_number'),
        as_text('Color', 'color'),
        as_text('Size', 'size'),
        as_text('ProductLine', 'product_line'),
        as_text('Class', 'class'),
        as_text('Style', 'style'),

        as_integer('SafetyStockLevel', 'safety_stock'),
        as_integer('ReorderPoint', 'reorder_point'),
        as_integer('DaysToManufacture', 'days_to_manufacture'),
        as_money('StandardCost', 'standard_cost', required=true),
        as_money('ListPrice', 'list_price', required=true),

        as_integer('MakeFlag', 'is_made'),
        as_integer('FinishedGoodsFlag', 'is_finished_good'),

        as_date('SellStartDate', 'sell_start_date'),
        as_date('SellEndDate', 'sell_end_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
