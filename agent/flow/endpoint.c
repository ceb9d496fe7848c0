/* endpoint.c - choose a broker address, from the options or DNS, and dial it. */
#include "flow/endpoint.h"

#define SRV_LINK "_berth._tcp"
#define SRV_JOIN "_berth-join._tcp"

static const struct broker_addresses *addresses_of(const struct agent_flow *agent,
                                                   const struct endpoint_cursor *endpoint,
                                                   enum uplink_listener listener)
{
    const struct broker_addresses *given =
        listener == UPLINK_JOIN ? &agent->options.joins : &agent->options.links;

    return given->count > 0 ? given : &endpoint->found;
}

int endpoint_find_begin(struct agent_flow *agent, struct endpoint_cursor *endpoint,
                        enum uplink_listener listener, struct op *op)
{
    const struct broker_addresses *given =
        listener == UPLINK_JOIN ? &agent->options.joins : &agent->options.links;

    if (given->count > 0) {
        op_complete_deferred(op, 0, NULL);
        return 0;
    }
    if (!agent->options.ask_dns)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND,
                          "no broker address is configured and DNS is off: set broker.address or "
                          "broker.dns");
    return locator_find_begin(agent->locator, listener == UPLINK_JOIN ? SRV_JOIN : SRV_LINK,
                              &endpoint->found, op);
}

int endpoint_dial_begin(struct agent_flow *agent, struct endpoint_cursor *endpoint,
                        enum uplink_listener listener, struct op *op)
{
    const struct broker_addresses *addresses = addresses_of(agent, endpoint, listener);
    const struct agent_identity_facts *facts = agent_identity_facts(agent->identity);
    const struct broker_address *address;
    struct uplink_target target;

    if (addresses->count == 0)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "DNS has no address of the broker");
    address = &addresses->at[endpoint->next % addresses->count];
    target = (struct uplink_target){
        .listener = listener,
        .host = address->host,
        .port = address->port,
        .certificate = agent_identity_certificate(agent->identity),
        .key = agent_identity_key(agent->identity),
        .authority = agent_identity_authority(agent->identity),
        .authority_hash = facts->authority_hash,
        .now_ms = agent_flow_wall_ms(agent),
    };
    if (listener == UPLINK_JOIN && !facts->authority_hash[0])
        return berth_fail(
            &op->error, BERTH_E_CONFIG,
            "no CA to trust is known: an invitation or broker.authority_hash is needed");
    return uplink_dial_begin(agent->uplink, &target, op);
}

void endpoint_next(struct endpoint_cursor *endpoint)
{
    endpoint->next++;
}
