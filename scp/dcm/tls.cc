#include "scp/dcm/tls.hh"

#include "scp/dcm/guard.hh"

namespace dcm
{

namespace
{

/* RFC 9325 4.2; of TLS 1.3 OpenSSL's own suites, which all are recommended. */
constexpr const char *SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:"
                               "ECDHE-RSA-AES128-GCM-SHA256:"
                               "ECDHE-ECDSA-AES256-GCM-SHA384:"
                               "ECDHE-RSA-AES256-GCM-SHA384";

void check(const OFCondition &cond, const char *what, const char *path)
{
    if (cond.bad())
        throw failure(ERR_CONFIG,
                      std::string("TLS: ") + what + " " + path + ": " + cond.text());
}

} // namespace

std::unique_ptr<DcmTLSTransportLayer> make_layer(const dcm_tls &tls,
                                                 T_ASC_NetworkRole role)
{
    auto layer = std::make_unique<DcmTLSTransportLayer>(role, nullptr, OFTrue);
    check(layer->setPrivateKeyFile(tls.private_key, DCF_Filetype_PEM), "private key",
          tls.private_key);
    check(layer->setCertificateFile(tls.certificate, DCF_Filetype_PEM), "certificate",
          tls.certificate);
    if (!layer->checkPrivateKeyMatchesCertificate())
        throw failure(ERR_CONFIG, std::string("TLS: private key ") + tls.private_key
                                      + " is not that of " + tls.certificate);
    check(layer->addTrustedCertificateFile(tls.trusted, DCF_Filetype_PEM),
          "trusted certificates", tls.trusted);
    // The profile sets the versions (1.2 at least), the list the suites.
    check(layer->setTLSProfile(TSP_Profile_BCP195_ND), "profile", "BCP 195");
    check(layer->activateCipherSuites(), "profile", "BCP 195");
    check(layer->setCipherSuites(SUITES), "cipher suites", SUITES);
    const bool needs = role == NET_REQUESTOR || tls.needs_certificate;
    layer->setCertificateVerification(needs ? DCV_requireCertificate
                                            : DCV_checkCertificate);
    return layer;
}

} // namespace dcm

int dcm_tls_check(const dcm_tls *tls, err *err)
{
    return dcm::guard(err, [&] {
        dcm::make_layer(*tls, NET_ACCEPTOR);
        return 0;
    });
}
