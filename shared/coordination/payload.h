#ifndef COORDINATION_PAYLOAD_H_
#define COORDINATION_PAYLOAD_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* CRC-64/Jones with the reflected polynomial 0xad93d23594c935a9, as Redis puts
 * at the end of DUMP's payload; begin with ${crc} = 0. */
uint64_t crc64_jones(uint64_t crc, struct bytes s);

/**
 * payload_of_string(value, out):
 * Append what RESTORE (redis.io/commands/restore) takes to make a string ${value}: the RDB type, the
 * length and the bytes, RDB version 9 (which every server from 5.0 reads) and
 * the checksum. It saves asking for DUMP where GET has the value already. False
 * without memory, or for 4 GB and more.
 */
bool payload_of_string(struct bytes value, struct buf *out);

#endif
