"""Fields of organisations; those of customers are the core's (`fields.of_customers`)."""

from __future__ import annotations

from inbox.toolkit import fields
from inbox_plugins.crm.models import OrganisationField, OrganisationFieldValue

of_organisations: fields.Fields[OrganisationField] = fields.Fields(
    OrganisationField, OrganisationFieldValue, "organisation_id")
