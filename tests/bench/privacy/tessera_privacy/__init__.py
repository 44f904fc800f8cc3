"""What the operator of a relay learns from the traffic of a simulated hospital.

population  who there is, who knows whom, who opens a portal when
rules       how a client fills its slots: the rule as built, and the ones it is compared with
traffic     which cell goes to which bucket in which slot
operator    what somebody who sees every connection infers from that
moments     the same from the moments of extra slots alone
timing      the same from requests that come later where there was mail
statistics  intervals, rank statistics, a logistic regression
report      the committed figures, the comparison with them, and docs/privacy.md
"""
