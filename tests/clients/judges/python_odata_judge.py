"""`python_odata_judge.py SITE`: python-odata makes its classes of `$metadata` and asks with them; prints what it
found as JSON."""

import json
import sys

from odata import ODataService

service = ODataService(f"{sys.argv[1]}/odata/v1/", reflect_entities=True, quiet_progress=True)
Product = service.entities["Products"]
newest = (
    service.query(Product).filter(Product.Name.contains("_IW_SLC_")).order_by(Product.PublicationDate.desc()).limit(2)
)
listed = list(newest.all())
one = service.query(Product).get(listed[0].Id)
later = service.query(Product).filter(Product.PublicationDate > listed[1].PublicationDate).count()
found = {
    "sets": sorted(service.entities),
    "names": [product.Name for product in listed],
    "size": listed[0].ContentLength,
    "kind": listed[0].ProductionType.name,
    "start": listed[0].ContentDate["Start"],
    "one": one.Name,
    "attributes": len(one.Attributes),
    "later": later,
}
json.dump(found, sys.stdout)
