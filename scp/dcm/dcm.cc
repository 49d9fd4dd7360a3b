#include "scp/dcm.h"

#include "scp/dcm/guard.hh"

#include <cstdlib>

#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/dcmnet/dul.h>

void dcm_init(void)
{
    setenv("TCP_NODELAY", "1", 1);
    OFLog::configure(OFLogger::OFF_LOG_LEVEL); // its messages quote data sets
    dcmDisableGethostbyaddr.set(OFTrue);       // no name look-ups in an association
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
}

void dcm_finish(void)
{
    DcmRLEDecoderRegistration::cleanup();
    DJLSDecoderRegistration::cleanup();
    DJDecoderRegistration::cleanup();
}
