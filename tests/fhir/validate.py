"""Validates FHIR resources with fhir.resources (R4B): a JSON array on standard input, an array of complaints each on
standard output."""

import json
import sys

from fhir.resources.R4B import get_fhir_model_class


def complaints(resource):
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValueError as error:
        return [str(error)]
    return []


json.dump([complaints(resource) for resource in json.load(sys.stdin)], sys.stdout)
