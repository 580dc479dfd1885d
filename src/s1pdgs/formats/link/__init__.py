"""The downlink below the space packets: CADUs, randomiser, Reed-Solomon, AOS frames and M_PDUs, in both directions."""
