/* way.c - see way.h. */
#include "flow/way.h"

#define SRV_LINK "_berth._tcp"
#define SRV_JOIN "_berth-join._tcp"

static const struct broker_addresses *addresses_of(const struct station *station,
                                                   const struct way *way, enum uplink_door door)
{
    const struct broker_addresses *given =
        door == UPLINK_JOIN ? &station->options.joins : &station->options.links;

    return given->count > 0 ? given : &way->found;
}

int way_find_begin(struct station *station, struct way *way, enum uplink_door door, struct op *op)
{
    const struct broker_addresses *given =
        door == UPLINK_JOIN ? &station->options.joins : &station->options.links;

    if (given->count > 0) {
        op_complete_deferred(op, 0, NULL);
        return 0;
    }
    if (!station->options.ask_dns)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND,
                          "nobody said where the broker is, and DNS is not to be asked");
    return locator_find_begin(station->locator, door == UPLINK_JOIN ? SRV_JOIN : SRV_LINK,
                              &way->found, op);
}

int way_dial_begin(struct station *station, struct way *way, enum uplink_door door, struct op *op)
{
    const struct broker_addresses *addresses = addresses_of(station, way, door);
    const struct agent_identity_facts *facts = agent_identity_facts(station->identity);
    const struct broker_address *address;
    struct uplink_target target;

    if (addresses->count == 0)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "DNS knows no broker");
    address = &addresses->at[way->at % addresses->count];
    target = (struct uplink_target){
        .door = door,
        .host = address->host,
        .port = address->port,
        .certificate = agent_identity_certificate(station->identity),
        .key = agent_identity_key(station->identity),
        .authority = agent_identity_authority(station->identity),
        .authority_hash = facts->authority_hash,
        .now_ms = station_wall_ms(station),
    };
    if (door == UPLINK_JOIN && !facts->authority_hash[0])
        return berth_fail(
            &op->error, BERTH_E_CONFIG,
            "nobody said which CA to trust: an invitation or broker.authority_hash is needed");
    return uplink_dial_begin(station->uplink, &target, op);
}

void way_failed(struct way *way)
{
    way->at++;
}
