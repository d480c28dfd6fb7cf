"""Names of people and places, by the language of the country."""

from __future__ import annotations

LANGUAGE = {"CN": 0, "DE": 1, "FR": 2, "GB": 3, "US": 3, "AU": 3, "JP": 4}

FIRST = tuple(
    tuple(names.split())
    for names in (
        "伟 芳 娜 敏 静 丽 强 磊 洋 艳 勇 军 杰 娟 涛 明 超 秀英 霞 平 子轩 雨桐 浩然 欣怡 思远 佳怡",
        "Anna Lukas Marie Jonas Lena Felix Katrin Jürgen Sabine Tobias Ute Stefan Heike Paul Nina Ralf Jan",
        "Camille Louis Chloé Hugo Manon Lucas Inès Pierre Julie Antoine Sophie Rémi Claire Luc Élise Marc",
        "Olivia James Emma William Ava Henry Grace Jack Lily Thomas Ella Daniel Ruby Samuel Hannah Joseph",
        "Haruto Yui Sota Aoi Ren Hina Yuto Sakura Riku Mei Kaito Rin Daiki Miyu Takumi Nana Shota Yuna Kenta",
    )
)
LAST = tuple(
    tuple(names.split())
    for names in (
        "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 高 林 罗 郑 梁 谢 宋 唐 许 韩 冯 邓 曹",
        "Müller Schmidt Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf",
        "Martin Bernard Dubois Thomas Robert Petit Durand Leroy Moreau Simon Laurent Lefèvre Michel Garcia",
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Wright Walker Hughes Green Hall Wood",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki",
    )
)
PLACES = tuple(
    tuple(names.split())
    for names in (
        "上海 杭州 南京 苏州 广州 深圳 厦门 北京 天津 济南 成都 昆明 重庆 贵阳 西安",
        "Berlin Hamburg Köln Leipzig Stuttgart Freiburg Dresden Kiel Ulm Bremen",
        "Lyon Annecy Lille Nantes Grenoble Pau Nice Reims Tours Metz",
        "Leeds Boulder Perth Bristol Portland York Denver Austin Hobart Bath",
        "Osaka Kyoto Sapporo Nagano Kobe Sendai Nagoya Naha Chiba Nara",
    )
)
TRADES = (
    "Outdoor Co.",
    "Sports",
    "Trading",
    "Kitchen House",
    "户外用品店",
    "Camp & Cook",
    "Department Store",
)


def person(country: str, number: int) -> tuple[str, str]:
    """Give the first and the last name of the `number`-th person of a country."""
    first, last = FIRST[LANGUAGE[country]], LAST[LANGUAGE[country]]
    return first[number * 7 % len(first)], last[(number + number // len(last)) % len(last)]
